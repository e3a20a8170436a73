create or replace function fn_unoffered_executors(p_template jsonb)
returns text[]
language plpgsql
stable
security definer
set search_path from current
as $$
-- The executors that the steps of a template ask for and that no live worker offers (OPS_005); empty where there is
-- none, or where the template has no steps.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  return array(
    select distinct coalesce(s ->> 'executor', s ->> 'kind')
      from jsonb_array_elements(case jsonb_typeof(p_template -> 'steps')
                                  when 'array' then p_template -> 'steps' else '[]' end) s
     where jsonb_typeof(s) = 'object' and coalesce(s ->> 'executor', s ->> 'kind') <> 'approval'
       and not exists (select from ops_workers_seen w
                        where w.live_until > v_now and w.executors ? coalesce(s ->> 'executor', s ->> 'kind'))
     order by 1);
end;
$$;
comment on function fn_unoffered_executors(jsonb) is
  'The executors that the steps of a template ask for and that no live worker offers (OPS_005); none for a template '
  'whose steps could all run now.';
