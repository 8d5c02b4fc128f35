// A client of Typeplate that knows nothing but an address and credentials: reflection tells it the rest.
// Reads {address, client_id, client_secret, name} from standard input, prints what it found as JSON.
"use strict";
const fs = require("node:fs");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const OPTIONS = { keepCase: true, longs: Number, enums: String };
const REFLECTION = {
  nested: { grpc: { nested: { reflection: { nested: { v1alpha: { nested: {
    ServerReflection: { methods: { ServerReflectionInfo: {
      requestType: "Request", requestStream: true, responseType: "Response", responseStream: true } } },
    Request: { fields: {
      file_containing_symbol: { type: "string", id: 4 }, list_services: { type: "string", id: 7 } } },
    Response: { fields: {
      file_descriptor_response: { type: "Files", id: 4 }, list_services_response: { type: "Services", id: 6 } } },
    Files: { fields: { file_descriptor_proto: { rule: "repeated", type: "bytes", id: 1 } } },
    Services: { fields: { service: { rule: "repeated", type: "Service", id: 1 } } },
    Service: { fields: { name: { type: "string", id: 1 } } },
  } } } } } } },
};
const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const plain = grpc.credentials.createInsecure();
const deadline = () => ({ deadline: Date.now() + 20_000 });

// The answers to some questions of reflection.
const reflect = (questions) => new Promise((resolve, reject) => {
  const { ServerReflection } = grpc.loadPackageDefinition(protoLoader.fromJSON(REFLECTION, OPTIONS)).grpc.reflection.v1alpha;
  const call = new ServerReflection(asked.address, plain).ServerReflectionInfo(new grpc.Metadata(), deadline());
  const answers = [];
  call.on("data", (answer) => answers.push(answer)).on("error", reject).on("end", () => resolve(answers));
  questions.forEach((question) => call.write(question));
  call.end();
});

// A FileDescriptorSet: each file once, as field 1 with its length.
const descriptorSet = (files) => {
  const unique = new Map(files.map((file) => [file.toString("base64"), file]));
  const length = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...length(n >>> 7)]);
  return Buffer.concat([...unique.values()].flatMap((file) => [Buffer.from([10, ...length(file.length)]), file]));
};

const unary = (client, method, request, metadata = new grpc.Metadata()) => new Promise((resolve, reject) => {
  client[method](request, metadata, deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
});

const stream = async (call) => {
  const messages = [];
  for await (const message of call) messages.push(message);
  return messages;
};

// A refusal's status code and, from the details that come with it, its reason.
const refusal = (types, promise) => promise.then(() => null, (error) => {
  const status = types["google.rpc.Status"].deserialize(error.metadata.get("grpc-status-details-bin")[0]);
  const detail = status.details.find((any) => any.type_url.endsWith("/google.rpc.ErrorInfo"));
  const info = types["google.rpc.ErrorInfo"].deserialize(detail.value);
  return { code: grpc.status[error.code], domain: info.domain, reason: info.reason };
});

const main = async () => {
  const symbols = ["typeplate.v1.AuthService", "typeplate.v1.DataService", "google.rpc.Status", "google.rpc.ErrorInfo"];
  const questions = [{ list_services: "" }, ...symbols.map((symbol) => ({ file_containing_symbol: symbol }))];
  const [listed, ...found] = await reflect(questions);
  const files = found.flatMap((answer) => answer.file_descriptor_response.file_descriptor_proto);
  const types = protoLoader.loadFileDescriptorSetFromBuffer(descriptorSet(files), OPTIONS);
  const { AuthService, DataService } = grpc.loadPackageDefinition(types).typeplate.v1;
  const { client_id, client_secret } = asked;
  const token = await unary(new AuthService(asked.address, plain), "IssueToken", { client_id, client_secret });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${token.access_token}`);
  const data = new DataService(asked.address, plain);
  console.log(JSON.stringify({
    services: listed.list_services_response.service.map((service) => service.name),
    token_type: token.token_type,
    expires_in: token.expires_in.seconds,
    vehicle: await unary(data, "GetVehicle", { name: asked.name }, metadata),
    exported: (await stream(data.ExportVehicles({}, metadata, deadline()))).flatMap((answer) => answer.vehicles),
    without_token: await refusal(types, unary(data, "GetVehicle", { name: asked.name })),
    stream_without_token: await refusal(types, stream(data.ExportVehicles({}, deadline()))),
    not_found: await refusal(types, unary(data, "GetVehicle", { name: "vehicles/own-none" }, metadata)),
  }));
};

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
