"""One test for each thing that somebody does here, in a real browser."""

import json
import re

from playwright.sync_api import expect

from looping import Loop, step


def test_whoever_is_not_signed_in_signs_in_and_comes_to_where_he_wanted(site, chromium):
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(f"{site.url}/missions?status=failed")
        expect(page).to_have_url(f"{site.url}/sign-in?next=/missions%3Fstatus%3Dfailed")
        page.get_by_label("Key").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("OPS_091")
        page.get_by_label("Key").fill(site.key("reader", "rita"))
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{site.url}/missions?status=failed")
        expect(page.get_by_text("rita, reader")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.goto(site.url)
        expect(page).to_have_url(re.compile("/sign-in"))


def test_missions_are_filtered(site, browse, loop: Loop):
    loop.register()
    loop.fail_for_good(loop.mission(step("a"), title="the first"), error="no such host")
    loop.complete(loop.work(loop.mission(step("a"), title="the second")))
    page = browse("reader")
    page.goto(f"{site.url}/missions")
    expect(page.get_by_role("link", name="the first")).to_be_visible()
    page.get_by_label("Status").select_option("succeeded")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="the second")).to_be_visible()
    expect(page.get_by_role("link", name="the first")).to_have_count(0)
    page.get_by_role("link", name="Clear").click()
    page.get_by_text("by kind, executor").click()
    page.get_by_label("Error").fill("*such host*")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="the first")).to_be_visible()
    expect(page.get_by_role("link", name="the second")).to_have_count(0)
    # A reader looks, and is offered nothing else.
    expect(page.get_by_role("button", name="Cancel…")).to_have_count(0)


def test_a_proposal_is_approved_with_a_reason_and_its_mission_is_shown(site, browse, loop: Loop):
    proposal = loop.propose(step("a", params={"to": "bob"}), title="Mail bob", risk_level="high")[
        "proposal_id"
    ]
    page = browse()
    page.get_by_role("link", name="Inbox").click()
    page.get_by_role("link", name="Mail bob", exact=True).click()
    expect(page.get_by_text('{"to": "bob"}')).to_be_visible()
    page.get_by_label("Reason").fill("he asked for it")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("status").filter(has_text="approve: approved")).to_be_visible()
    expect(page.get_by_role("heading", name="Mail bob")).to_be_visible()
    decided = loop.row(
        "select decided_by, decided_login, status from ops_mission_proposals where id = %s", proposal
    )
    assert (decided["decided_by"], decided["status"]) == ("ann", "approved")
    assert decided["decided_login"].startswith("opsloop_test_")
    assert (
        loop.value("select reason from ops_proposal_votes where proposal_id = %s", proposal)
        == "he asked for it"
    )


def test_a_proposal_is_rejected(site, browse, loop: Loop):
    proposal = loop.propose(step("a"), title="Mail bob", risk_level="high")["proposal_id"]
    page = browse()
    page.goto(f"{site.url}/inbox/{proposal}")
    page.get_by_label("Reason").fill("not today")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert loop.value("select status from ops_mission_proposals where id = %s", proposal) == "rejected"


def test_what_has_changed_since_it_was_shown_is_not_approved(site, browse, loop: Loop):
    proposal = loop.propose(step("a"), title="Mail bob", risk_level="high")["proposal_id"]
    page = browse()
    page.goto(f"{site.url}/inbox/{proposal}")
    loop.do(
        "update ops_mission_proposals set template = jsonb_set(template, '{steps,0,params}', '{\"evil\": true}')"
    )
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("OPS_016").first).to_be_visible()
    assert loop.value("select status from ops_mission_proposals where id = %s", proposal) == "pending"


def test_several_are_decided_at_once_and_those_that_are_refused_are_named(site, browse, loop: Loop, people):
    for number in range(3):
        loop.propose(step("a"), title=f"Mail {number}", risk_level="high")
    page = browse()
    page.goto(f"{site.url}/inbox")
    page.get_by_label("All 3 proposals shown").check()
    loop.value("select fn_reject_proposal(id, 'bob') from ops_mission_proposals order by id limit 1")
    page.get_by_label("Reason, for what is picked").fill("all of them")
    page.get_by_role("button", name="Approve picked").click()
    expect(page.get_by_role("heading", name="2 of 3 decided")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Mail 0")).to_contain_text("OPS_014")
    found = loop.rows("select status from ops_mission_proposals order by id")
    assert [one["status"] for one in found] == ["rejected", "approved", "approved"]


def test_all_missions_that_match_are_cancelled_after_they_were_shown(site, browse, loop: Loop):
    for number in range(3):
        loop.mission(step("a"), title=f"Sweep {number}")
    kept = loop.mission(step("a"), title="Keep")
    page = browse()
    page.goto(f"{site.url}/missions?title=Sweep*")
    page.get_by_role("button", name="Cancel…").first.click()
    expect(page.get_by_role("heading", name="Cancel 3 missions?")).to_be_visible()
    assert loop.status(kept) == "approved"
    # What comes after it was shown is not meant.
    late = loop.mission(step("a"), title="Sweep late")
    page.get_by_label("Reason").fill("not needed any more")
    page.get_by_role("button", name="Cancel 3 missions").click()
    expect(page.get_by_role("heading", name="Cancel: 3 done, 0 refused")).to_be_visible()
    found = loop.rows("select status from ops_missions order by id")
    assert [one["status"] for one in found] == ["cancelled"] * 3 + ["approved"] * 2
    assert loop.status(late) == "approved"


def test_a_group_of_failures_is_redriven_after_it_was_shown(site, browse, loop: Loop):
    loop.register()
    for number in range(4):
        loop.fail_for_good(
            loop.mission(step("a"), title=f"order {number}"), error=f"http 503 for order {number}"
        )
    loop.fail_for_good(loop.mission(step("a"), title="other"), error="no such host")
    page = browse()
    page.get_by_role("link", name="Failures").click()
    page.get_by_role("link", name="http #").click()
    page.get_by_role("button", name="Redrive all…").click()
    expect(page.get_by_role("heading", name="Redrive 4 letters?")).to_be_visible()
    assert loop.value("select count(*) from ops_missions where status = 'failed'") == 5
    page.get_by_role("button", name="Redrive 4 letters").click()
    expect(page.get_by_role("heading", name="4 put back to work")).to_be_visible()
    assert loop.value("select count(*) from ops_missions where status = 'failed'") == 1


def test_policy_is_tried_before_it_is_set_and_rolled_back(site, browse, loop: Loop):
    loop.propose(step("a"), title="Mail bob", risk_level="medium")
    page = browse("admin")
    page.goto(f"{site.url}/policy/auto_approve")
    document = loop.value("select fn_get_policy('auto_approve')")
    changed = {**document, "allowed_step_kinds": ["*"], "max_risk_level": "medium"}
    page.get_by_label("As JSON").first.fill(json.dumps(changed))
    page.get_by_text("Tests, as JSON").click()
    page.get_by_label("A list of").fill(
        '[{"name": "mail is let through", "given": {"template": {"title": "x", "risk_level": "medium",'
        ' "steps": [{"kind": "noop"}]}}, "expect": {"outcome": "auto_approved"}}]'
    )
    page.get_by_role("button", name="Try: diff and dry run").click()
    expect(page.get_by_role("row").filter(has_text="max_risk_level").first).to_contain_text('"medium"')
    expect(page.get_by_role("row").filter(has_text="pending").first).to_contain_text("auto approved")
    expect(page.get_by_role("row").filter(has_text="mail is let through")).to_contain_text("passed")
    assert loop.value("select fn_get_policy('auto_approve')") == document
    page.get_by_label("Reason").fill("tried")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="version 2 is in force")).to_be_visible()
    assert loop.value("select fn_get_policy('auto_approve')") == changed
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_role("status").filter(has_text="version 3 is in force")).to_be_visible()
    assert loop.value("select fn_get_policy('auto_approve')") == document


def test_a_faulty_draft_names_its_faults_and_keeps_what_was_written(site, browse, loop: Loop):
    page = browse("admin")
    page.goto(f"{site.url}/policy/auto_approve")
    page.get_by_label("As JSON").first.fill('{"enabled": "perhaps"}')
    page.get_by_role("button", name="Try: diff and dry run").click()
    expect(page.get_by_text("OPS_017").first).to_be_visible()
    expect(page.get_by_label("As JSON").first).to_have_value('{"enabled": "perhaps"}')


def test_the_kill_switch_needs_its_word_and_everything_goes_on_after_it(site, browse, loop: Loop):
    loop.register()
    mission = loop.mission(step("a"))
    work = loop.work(mission)
    page = browse()
    stop = page.get_by_role("button", name="Stop everything")
    form = page.locator("form[action='/kill']")
    form.get_by_label("Reason").fill("a drill")
    form.get_by_label("Type kill").fill("kil")
    stop.click()
    # The browser itself holds it back.
    assert loop.value("select epoch from ops_control") == work_epoch(loop, work)
    form.get_by_label("Type kill").fill("kill")
    stop.click()
    expect(page.get_by_role("alert")).to_contain_text("The kill switch is on.")
    assert loop.complete(work) == "OPS_006"
    form = page.locator("form[action='/resume']").filter(has_text="Everything is stopped")
    form.get_by_label("Type resume").fill("resume")
    form.get_by_role("button", name="Resume everything").click()
    expect(page.get_by_text("The kill switch is on.")).to_have_count(0)
    assert loop.rows("select * from fn_list_pauses()") == []


def work_epoch(loop: Loop, work: dict[str, object]) -> object:
    """The epoch under which a step was leased."""
    return loop.value("select lease_epoch from ops_mission_steps where id = %s", work["step_id"])


def test_the_graph_of_a_mission_is_live_while_it_runs(site, browse, loop: Loop):
    loop.register()
    mission = loop.mission(step("fetch"), step("build", after=["fetch"]), step("ship", after=["build"]))
    page = browse("reader")
    page.goto(f"{site.url}/missions/{mission}")
    graph = page.locator("#graph")
    expect(graph.get_by_role("link", name="fetch: queued")).to_be_visible()
    expect(graph.get_by_role("link", name="ship: blocked")).to_be_visible()
    work = loop.work(mission, "fetch")
    expect(graph.get_by_role("link", name="fetch: running")).to_be_visible()
    expect(page.locator("[data-until]")).to_contain_text("s left")
    node = graph.get_by_role("link", name="ship: blocked").element_handle()
    loop.complete(work, {"commit": "8f3ac1"})
    expect(graph.get_by_role("link", name="fetch: succeeded")).to_be_visible()
    expect(graph.get_by_role("link", name="build: queued")).to_be_visible()
    expect(page.get_by_text("8f3ac1").first).to_be_visible()
    # What has not changed has not been drawn again.
    assert node is not None
    assert node.evaluate("it => it.isConnected")
    for key in ("build", "ship"):
        loop.complete(loop.work(mission, key))
    expect(page.get_by_text("3 of 3 steps ended")).to_be_visible()


def test_what_is_open_and_what_is_written_stays_while_the_page_is_live(site, browse, loop: Loop):
    loop.register()
    mission = loop.mission(step("a"), step("b", after=["a"]))
    page = browse()
    page.goto(f"{site.url}/missions/{mission}")
    page.locator("summary").filter(has_text="params").first.click()
    work = loop.work(mission)
    expect(page.locator("#steps .status").first).to_have_text("running")
    expect(page.locator("#steps details").first).to_have_attribute("open", "")
    page.get_by_label("Reason to cancel").fill("wro")
    loop.complete(work)
    page.get_by_label("Reason to cancel").press_sequentially("ng")
    expect(page.get_by_label("Reason to cancel")).to_have_value("wrong")
    page.get_by_role("heading", name="Steps").click()
    page.keyboard.press("Tab")


def test_an_id_is_found_by_its_last_digits(site, browse, loop: Loop):
    mission = loop.mission(step("a"), title="Somewhere")
    page = browse("reader")
    page.get_by_label("Find by id").fill(str(mission)[-8:])
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/missions/{mission}")


def test_a_schedule_is_run_and_paused(site, browse, loop: Loop):
    loop.value(
        "select fn_set_schedule('nightly', %s)", {"cron": "0 3 * * *", "event_type": "db:nightly", "data": {}}
    )
    page = browse()
    page.goto(f"{site.url}/schedules")
    page.get_by_role("button", name="Run nightly now").click()
    expect(page.get_by_role("status").filter(has_text="nightly has ticked: fired")).to_be_visible()
    page.get_by_role("link", name="nightly").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert loop.value("select count(*) from ops_agent_events where type = 'db:nightly'") == 1


def test_an_idea_moves_on(site, browse, loop: Loop):
    loop.value("""select fn_radar_upsert('[{"title": "Cache it", "score": 7, "status": "watching"}]')""")
    page = browse("admin")
    page.goto(f"{site.url}/radar")
    page.get_by_role("button", name="Move Cache it to validating").click()
    expect(page.get_by_role("status").filter(has_text="Cache it is validating")).to_be_visible()
    found = loop.row("select status, score from fn_list_radar()")
    assert (found["status"], found["score"]) == ("validating", 7)
