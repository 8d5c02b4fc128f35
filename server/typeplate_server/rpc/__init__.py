"""The wire: server, interceptor, servicers, error mapping, proto ↔ model. The only home of grpc."""
