"""What the fields of a client may hold; each refusal is an `InvalidArgument` that names the field."""
