"""What the attacks are after does happen when a person approves it: otherwise they would prove nothing."""


def test_what_a_person_approved_runs(scene):
    proposal = scene.propose()
    scene.work()
    assert not scene.mark.exists()
    scene.operator.approve(proposal)
    scene.work()
    assert scene.mark.exists()
