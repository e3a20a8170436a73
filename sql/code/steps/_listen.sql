create or replace function _listen(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Steps of kind wait begin to listen for their events, those that do so already apart. No event is missed meanwhile.
-- From its commit on, a heartbeat that looks at an event sees that a step listens. Before, it sees the advisory lock,
-- which is held from before the snapshot is taken until after the commit, and keeps the event for the step
-- (_note_awaited). What was committed before the snapshot does not count. The lock is shared, and nobody ever waits for
-- it. The transaction has its id before it: a snapshot of a heartbeat that sees the lock then knows it as open.
-- Locks: advisory (ops_event_waits, 0), shared. Writes: ops_event_waits. Raises: nothing.
begin
  perform pg_current_xact_id();
  perform pg_advisory_xact_lock_shared('ops_event_waits'::regclass::oid::integer, 0);
  insert into ops_event_waits (step_id, type, is_glob, of_loop, paths, match, match_hash, since, seen, began_in,
                               look_back_until)
  select s.id, t.type, strpos(t.type, '*') > 0, l.of_loop,
         array(select k from jsonb_object_keys(t.match) k order by k collate "C"), t.match,
         jsonb_hash_extended(t.match, 0), _now(), pg_current_snapshot(), pg_current_xact_id(),
         case when l.of_loop then xid8 '0' end
    from ops_mission_steps s
   cross join lateral _wait_terms(s.id, _now()) t
   cross join lateral (
     select coalesce(bool_or(starts_with(h.head, p) or (strpos(t.type, '*') > 0 and starts_with(p, h.head))), false)
              as of_loop
       from unnest(array['step:', 'mission:', 'proposal:', 'dead_letter:']) p
      cross join (select split_part(t.type, '*', 1)) h (head)) l
   where s.id = any (p_step_ids) and t.type is not null and t.fault is null
   order by s.id
  on conflict (step_id) do nothing;
end;
$$;
