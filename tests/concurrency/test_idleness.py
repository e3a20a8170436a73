"""A worker that goes to sleep beside producers who cannot know it yet."""

from looping import step


def test_a_worker_is_not_settled_while_anybody_runs_who_may_not_know_that_it_is_idle(loop, session):
    loop.register("w1")
    worker, producer = session(), session()
    worker.do("begin")
    assert worker.value("select fn_declare_idle('w1')") is None
    # Begun after the declaration, but before its commit: sees nobody idle, and so notifies nobody.
    producer.do("begin")
    producer.mission(step("a"))
    worker.do("commit")

    ticket = worker.value("select fn_declare_idle('w1')")
    assert worker.value("select fn_idle_settled(%s)", ticket) is False
    producer.do("commit")
    assert worker.value("select fn_idle_settled(%s)", ticket) is True
    assert len(worker.claim(1, "w1")) == 1


def test_a_worker_is_not_asleep_while_anybody_runs_who_may_not_know_it_and_so_does_not_tell_it_of_events(
    loop, session
):
    loop.register("w1")
    worker, producer = session(), session()
    worker.do("begin")
    assert worker.value("select fn_fall_asleep('w1') -> 'ticket'") is None
    # Begun after the declaration, but before its commit: sees nobody asleep, and so notifies nobody.
    producer.do("begin")
    producer.emit()
    worker.do("commit")

    said = worker.value("select fn_fall_asleep('w1')")
    assert said["seconds"] is None, "what is not committed is not seen: hence the ticket"
    assert worker.value("select fn_idle_settled(%s)", said["ticket"]) is False
    producer.do("commit")
    assert worker.value("select fn_idle_settled(%s)", said["ticket"]) is True
    assert worker.value("select fn_fall_asleep('w1')")["seconds"] == 0


def fall_asleep(loop, *workers):
    for worker in workers:
        loop.register(worker)
        loop.value("select fn_declare_idle(%s)", worker)


def test_a_claim_leaves_sleeping_workers_their_share_of_what_is_ready(loop):
    fall_asleep(loop, "w1", "w2", "w3", "w4")
    loop.mission(*[step(f"s{n}", after=[]) for n in range(80)])
    assert len(loop.claim(400, "w1")) == 20
    assert len(loop.claim(400, "w2")) == 20, "one less sleeps, a third of the sixty that are left"
    assert len(loop.claim(7, "w3")) == 7, "never more than asked for"


def test_a_small_share_is_not_worth_a_claim_of_its_own(loop):
    fall_asleep(loop, *[f"w{n}" for n in range(20)])
    loop.mission(*[step(f"s{n}", after=[]) for n in range(40)])
    assert len(loop.claim(400, "w1")) == 10


def test_a_claim_takes_all_it_may_when_nobody_sleeps(loop):
    for worker in ("w1", "w2"):
        loop.register(worker)
    loop.mission(*[step(f"s{n}", after=[]) for n in range(80)])
    assert len(loop.claim(400, "w1")) == 80
