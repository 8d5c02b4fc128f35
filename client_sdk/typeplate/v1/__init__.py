"""The messages and stubs of `typeplate.v1`, generated from the protos by `make proto`. Do not edit."""
