create or replace function _spend_keys(p_of_table text, p_ids text[], p_until timestamptz)
returns void
language plpgsql
set search_path from current
as $$
-- Keeps the dedupe keys of rows that are about to be purged, until p_until (null for ever). p_of_table:
-- ops_agent_events, ops_mission_proposals or outbox. The caller holds the row 'keys' of ops_retention (_begin_purge);
-- that it changes tells transactions above read committed (_spent_keys).
-- Locks: none. Writes: ops_spent_keys, ops_retention. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_kept bigint := 0;
begin
  case p_of_table
    when 'ops_agent_events' then
      insert into ops_spent_keys as k (kind, key, id, purged_at, until)
      select 'event', e.dedupe_key, e.id, v_now, p_until
        from ops_agent_events e where e.id = any (p_ids::uuid[]) and e.dedupe_key is not null
      on conflict (kind, key) do update
        set id = excluded.id, purged_at = excluded.purged_at, until = excluded.until;
    when 'ops_mission_proposals' then
      insert into ops_spent_keys as k (kind, key, id, status, mission_id, purged_at, until)
      select case when p.source = 'trigger' then 'reaction' else 'proposal' end, p.dedupe_key, p.id, p.status,
             (select m.id from ops_missions m where m.proposal_id = p.id), v_now, p_until
        from ops_mission_proposals p where p.id = any (p_ids::uuid[]) and p.dedupe_key is not null
      on conflict (kind, key) do update
        set id = excluded.id, status = excluded.status, mission_id = excluded.mission_id,
            purged_at = excluded.purged_at, until = excluded.until;
    when 'outbox' then
      insert into ops_spent_keys as k (kind, key, id, purged_at, until)
      select 'message', o.dedupe_key, _outbox_ready_id(o.id), v_now, p_until
        from outbox o where o.id = any (p_ids::bigint[]) and o.dedupe_key is not null
      on conflict (kind, key) do update
        set id = excluded.id, purged_at = excluded.purged_at, until = excluded.until;
    else
      null;
  end case;
  get diagnostics v_kept = row_count;
  if v_kept > 0 then
    update ops_retention r set ended_at = v_now where r.part = 'keys';
  end if;
end;
$$;
