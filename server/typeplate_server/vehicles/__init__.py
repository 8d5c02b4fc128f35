"""Owns what a vehicle is, and how sources become vehicles. Knows no gRPC and no SQL."""
