"""Runs the real server for tests, on a port of its own choosing and a data directory of its own.

    with running_server(tmp_path / "data") as server:            # a subprocess, as in production
        with server.channel() as channel: ...                    # grpc.Channel to it
        token = server.token(channel)                            # an admin's access token
    async with server_in_process(tmp_path / "data") as server:   # the same server in this event loop, faster

`server.address`, `server.data_dir`, `server.client_id`, `server.client_secret` (the administrator's, from
`admin.env`) are alike in both. Settings are passed as environment names less the prefix:
`running_server(path, REFLECTION="1")`. ServerProcess also has `terminate()`, `kill()` (SIGKILL), `wait()`,
`restart()`, `log()`.
"""
