"""Workers steered over HTTP, by the words of `podium workers`."""

from __future__ import annotations

from tests.server.conftest import Server


def test_an_engine_is_paused_and_goes_on_and_only_a_worker_is_drained(server: Server) -> None:
    [engine] = server.ask("/api/engines").json["items"]

    def ask(action: str, id: str = engine["id"]) -> tuple[int, str]:
        reply = server.ask(f"/api/engines/{id}/{action}", "POST", {})
        return reply.status, reply.json.get("asked", "")

    def asked() -> str:
        [beat] = server.app.store.beats()
        return beat.asked

    assert ask("pause") == (200, "pause")
    assert asked() == "pause"
    assert ask("resume") == (200, "resume")
    assert asked() == ""
    assert ask("drain") == (409, "")  # the test's own process
    assert ask("pause", "nobody") == (404, "")
    [first, *_] = server.ask("/api/audit").json["items"]
    assert (first["target"], first["outcome"]) == ("engines/nobody/pause", "E301")
