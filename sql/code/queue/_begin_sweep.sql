create or replace function _begin_sweep(p_name text, p_now timestamptz)
returns uuid
language plpgsql
set search_path from current
as $$
-- The right to look at the next part of a rolling scan (ops_sweep), until the caller commits: the id above which that
-- part begins. Null while another session sweeps, and until a second for each 4,000 rows of the last part has passed:
-- a row costs a heartbeat 1 to 2 us, and five tables are scanned, so that large ones take 3 % of a core for ever. A
-- time of the future, which a hand or a clock that was set back has left, holds no sweep up. p_now null: each part is
-- due at once.
-- Locks: the row of ops_sweep, SKIP LOCKED. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(w.position, '00000000-0000-0000-0000-000000000000')
      from ops_sweep w
     where w.name = p_name
       and (p_now is null or w.swept_at is null or (w.position is null and w.seen < 1000)
            or w.swept_at not between p_now - make_interval(secs => least(w.seen, 20000) / 4000.0)
                                  and p_now + interval '1 minute')
       for update skip locked);
end;
$$;
