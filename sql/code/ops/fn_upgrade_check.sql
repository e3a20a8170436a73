create or replace function fn_upgrade_check(p_version text)
returns table (step_id uuid, mission_id uuid, waits_for text, reason text, remedy text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Parked steps that release p_version would not free: those that wait for something which it has no routine for, or for
-- a pause that is not there. A release frees what the releases before it freed; one that this loop does not know of is
-- judged as the last one that it knows. And running steps whose worker that release would not serve.
-- Locks: none. Writes: nothing. Raises: OP018 for a version that cannot be.
declare
  -- Since which release something brings back a step that waits for it; null: none so far.
  c_freed_since constant jsonb :=
    '{"person": "0.1.0", "pause": "0.1.0", "time": "0.1.0", "event": "0.1.0", "limit": null}';
begin
  if p_version is null or p_version !~ E'^[0-9]{1,4}\\.[0-9]{1,4}\\.[0-9]{1,4}$' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_version is %s', quote_nullable(left(p_version, 100))),
      hint = 'Give the release to upgrade to, such as 0.1.0.';
  end if;
  return query
  select q.step_id, s.mission_id, q.waits_for,
         case when q.waits_for <> 'pause' then format('release %s brings back no step that waits for a %s', p_version,
                                                      q.waits_for)
              else format('there is no pause of %s %s', q.scope, q.target) end,
         format('select fn_retry_step(%L);', q.step_id)
    from ops_parked_steps q
    join ops_mission_steps s on s.id = q.step_id and s.status = 'waiting'
   where case when q.waits_for = 'pause'
              then not exists (select from ops_pauses p where p.scope = q.scope and p.target = q.target)
              else (string_to_array(c_freed_since ->> q.waits_for, '.')::integer[]
                    <= string_to_array(p_version, '.')::integer[]) is not true end
  union all
  select r.step_id, r.mission_id, 'worker', r.reason, r.remedy from _unserved_steps(p_version) r
   order by 1;
end;
$$;
comment on function fn_upgrade_check(text) is
  'Steps that an upgrade to release p_version would strand: parked steps that nothing in it brings back, and running '
  'steps whose worker is of too old a package for it; each with the reason and the statement that ends that. No row '
  'before a safe upgrade. OPS_018 for a version that cannot be.';
