create or replace function fn_as_shown(p_id uuid, p_digest text)
returns uuid
language plpgsql
security definer
set search_path from current
as $$
-- Makes a decision count for what was shown: returns the id of a proposal or parked step if what would run is still
-- what fn_inbox showed with this digest, and keeps it so until the caller commits. It is used inside the deciding call:
-- fn_approve_proposal(fn_as_shown(id, digest)).
-- Locks: worker_policy, FOR SHARE, since presets are part of what would run; then the proposal, or the mission of the
-- step and its steps. Writes: nothing. Raises: OP012, OP083 unknown, OP014 does not wait, OP016 something
-- else would run.
declare
  v_digest text;
begin
  perform from ops_policy y where y.key = 'worker_policy' for share;
  perform from ops_mission_proposals p where p.id = p_id for update;
  if not found then
    if _lock_missions_of(array[p_id]) is null then
      perform _raise_unknown('proposal or step', p_id);
    end if;
  end if;
  select i.digest into v_digest from _inbox(array[p_id], array[p_id]) i;
  if v_digest is null then
    raise exception using errcode = 'OP014', message = format('OPS_014: %s does not wait for a person', p_id),
      hint = 'Somebody decided meanwhile. select * from fn_inbox(); lists what waits.';
  end if;
  if v_digest is distinct from p_digest then
    raise exception using errcode = 'OP016', message = format('OPS_016: what %s would run is not what was shown', p_id),
      detail = jsonb_build_object('shown', p_digest, 'found', v_digest)::text,
      hint = 'Look at it again: select * from fn_inbox();';
  end if;
  return p_id;
end;
$$;
comment on function fn_as_shown(uuid, text) is
  'Returns p_id if what that proposal or parked step would run is what fn_inbox showed with p_digest, and keeps it so '
  'until the caller commits: fn_approve_proposal(fn_as_shown(id, digest)). OPS_012 unknown, OPS_014 does not wait, '
  'OPS_016 something else would run.';
