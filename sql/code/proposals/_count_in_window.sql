create or replace function _count_in_window(p_from timestamptz, p_to timestamptz, p_source text)
returns bigint
language plpgsql
stable
set search_path from current
as $$
-- The number of proposals of a window that count against caps, of one source or (null) of all: those that were counted,
-- except the rejected ones. A new counter begins with this number.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select count(*)
            from ops_mission_proposals p
           where p.counted_at >= p_from and p.counted_at < p_to and p.status <> 'rejected'
             and (p_source is null or p.source = p_source));
end;
$$;
