"""What the channel needs to know of the methods, as paths. Generated from the protos by `make proto`; do not edit."""

IDEMPOTENT_UNARY: tuple[str, ...] = (
    "/typeplate.v1.AuthService/IssueToken",
    "/typeplate.v1.AuthService/GetClient",
    "/typeplate.v1.AuthService/ListClients",
    "/typeplate.v1.AuthService/RevokeClient",
    "/typeplate.v1.AuthService/SuspendClient",
    "/typeplate.v1.AuthService/ResumeClient",
    "/typeplate.v1.AuthService/GetJwks",
    "/typeplate.v1.AuthService/GetClientUsage",
    "/typeplate.v1.AuthService/ListAuditEvents",
    "/typeplate.v1.AuthService/RevokeToken",
    "/typeplate.v1.AuthService/IntrospectToken",
    "/typeplate.v1.DataService/GetVehicle",
    "/typeplate.v1.DataService/BatchGetVehicles",
    "/typeplate.v1.DataService/ListVehicles",
)
"""Unary methods that may be sent again."""

PUBLIC: tuple[str, ...] = (
    "/typeplate.v1.AuthService/IssueToken",
    "/typeplate.v1.AuthService/GetJwks",
)
"""Methods that take no token."""
