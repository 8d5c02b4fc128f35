"""What the tests share: servers to run, certificates, data locations, fakes."""
