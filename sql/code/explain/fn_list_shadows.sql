create or replace function fn_list_shadows()
returns table (
  key text,
  value jsonb,
  set_by text,
  set_login text,
  reason text,
  since timestamptz,
  judged_to timestamptz,
  decisions bigint,
  differing bigint
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The documents that are judged beside those in force, and how many decisions they would have taken otherwise.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select s.key, s.value, s.set_by, s.set_login, s.reason, s.since, s.judged_to, c.decisions, c.differing
    from ops_policy_shadows s
   cross join lateral (
     select coalesce(sum(n.decisions), 0)::bigint as decisions,
            coalesce(sum(n.decisions) filter (where n.old_outcome <> n.new_outcome), 0)::bigint as differing
       from ops_shadow_counts n where n.key = s.key) c
   order by s.key;
end;
$$;
comment on function fn_list_shadows() is
  'The policy documents that are judged beside those in force: since when, up to when, how many decisions, and how '
  'many they would have taken otherwise.';
