create or replace function fn_explain_cause(p_id uuid)
returns table (proposal_id uuid, mission_id uuid, rationale text, refs jsonb, caused_by jsonb)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Why a proposal was made: what its proposer says, and what it is a consequence of, as the inbox shows both. p_id: the
-- proposal, its mission, or a step of that. caused_by: the event behind it, and of the mission that made that event how
-- its steps ended; null where a program or a person proposed it. All of it is null where the proposal is not kept.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an id that is none of these.
begin
  return query
  select p.id, m.id, p.template ->> 'rationale', p.template -> 'refs', _caused_by(p.event_id, p.dedupe_key)
    from (select t.id, null::uuid as mission_id from ops_mission_proposals t where t.id = p_id
          union all
          select t.proposal_id, t.id from ops_missions t where t.id = p_id
          union all
          select t.proposal_id, t.id from ops_mission_steps s join ops_missions t on t.id = s.mission_id
           where s.id = p_id) n
    left join ops_mission_proposals p on p.id = n.id
    left join ops_missions m on m.id = n.mission_id or (n.mission_id is null and m.proposal_id = n.id);
  if not found then
    perform _raise_unknown('proposal, mission or step', p_id);
  end if;
end;
$$;
comment on function fn_explain_cause(uuid) is
  'Why a proposal (or the one of this mission or step) was made: its rationale and refs, the event behind it, and how '
  'the steps of the mission ended that made that event. OPS_012 unknown.';
