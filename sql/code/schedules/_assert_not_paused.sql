create or replace function _assert_not_paused(p_name text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises while a schedule is paused.
-- Locks: none. Writes: nothing. Raises: OP028.
declare
  v_pause ops_pauses;
begin
  select p.* into v_pause from ops_pauses p where p.scope = 'schedule' and p.target = p_name;
  if found then
    raise exception using errcode = 'OP028',
      message = format('OPS_028: schedule %s is paused by %s%s', p_name, v_pause.paused_by,
                       ': ' || v_pause.reason),
      detail = jsonb_build_object('schedule', p_name, 'paused_at', v_pause.paused_at)::text,
      hint = format('Nothing was done. select fn_resume(''schedule'', %L); lifts the pause.', p_name);
  end if;
end;
$$;
