create or replace function _cap_met(p_source text, p_created_at timestamptz)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The first cap that has no room for one more proposal of this source in its window, in words; null when all have.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_caps jsonb := _policy('proposal_caps');
begin
  return (
    select format('%s %s reached', f.name, f.cap)
      from _caps_in_force(v_caps, p_source, p_created_at at time zone 'UTC') f
      left join ops_cap_counters c on c.scope = f.scope and c.window_start = f.window_start
     where coalesce(c.used, 0) >= f.cap
     limit 1);
end;
$$;
