"""The Typeplate server: technical vehicle data for applications, over gRPC."""
