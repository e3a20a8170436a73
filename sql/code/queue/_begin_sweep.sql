create or replace function _begin_sweep(p_name text, p_now timestamptz)
returns uuid
language plpgsql
set search_path from current
as $$
-- The right to look at the next part of a rolling scan (ops_sweep), until the caller commits: the id above which that
-- part begins. Null while another session sweeps, and until a second for each 20,000 rows of the last part has passed:
-- heartbeats that follow each other at once, as they do behind a backlog, do not read a large table each time.
-- Locks: the row of ops_sweep, SKIP LOCKED. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(w.position, '00000000-0000-0000-0000-000000000000')
      from ops_sweep w
     where w.name = p_name
       and (w.swept_at is null or (w.position is null and w.seen < 1000)
            or w.swept_at <= p_now - make_interval(secs => w.seen / 20000.0)
            -- The clock was set back.
            or w.swept_at > p_now)
       for update skip locked);
end;
$$;
