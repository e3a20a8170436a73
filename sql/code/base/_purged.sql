create or replace function _purged(p_id uuid, out what text, out at timestamptz, out how text, out batch text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The type of a purged row (mission, proposal, step or event), by its id, and when it was purged; nulls where it never
-- was, or where the record of it is gone too.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  select case when p_id = any (p.missions) then 'mission' when p_id = any (p.proposals) then 'proposal'
              when p_id = any (p.steps) then 'step' else 'event' end, p.purged_at, p.how, p.batch
    into what, at, how, batch
    from ops_purged p
   where p.upto_id >= p_id and p.from_id <= p_id
     and p_id = any (p.missions || p.proposals || p.steps || p.events)
   order by p.upto_id
   limit 1;
end;
$$;
