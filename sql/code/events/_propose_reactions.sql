create or replace function _propose_reactions(p_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Makes the proposals of these reactions and gates them; returns how many proposals are new. A dedupe key seen
-- before makes the reaction done, pointing at the first proposal. Templates were checked when the reaction matrix was
-- set; they are not scanned for placeholders again, as they hold data by now.
-- Locks: cap counters. Writes: ops_agent_reactions and what proposals write. Raises: what gating raises.
declare
  v_now timestamptz := _now();
  v_proposals jsonb;
  v_created integer;
begin
  select jsonb_agg(r.payload || jsonb_build_object('source', 'trigger', 'event_id', r.event_id, 'reaction_id', r.id)
                   order by r.id)
    into v_proposals
    from ops_agent_reactions r
   where r.id = any (p_ids) and r.status = 'queued';
  if v_proposals is null then
    return 0;
  end if;

  with made as (
    select (p ->> 'reaction_id')::uuid as reaction_id, c.proposal_id, c.is_new
      from _create_proposals(v_proposals) c
      join jsonb_array_elements(v_proposals) with ordinality e (p, ord) on e.ord = c.ord
  ), updated as (
    update ops_agent_reactions r
       set status = 'done', proposal_id = m.proposal_id, updated_at = v_now,
           reason = case when not m.is_new then 'its dedupe_key was proposed before' end
      from made m
     where r.id = m.reaction_id
    returning m.is_new
  )
  select count(*) filter (where u.is_new) into v_created from updated u;
  return v_created;
end;
$$;
