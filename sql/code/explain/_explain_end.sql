create or replace function _explain_end(p_step ops_mission_steps)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- How a step ended, and the statement that runs it again where there is one.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  reason := 'ended';
  case p_step.status
    when 'failed' then
      code := p_step.last_error_code;
      detail := format('failed at %s, attempt %s: %s', date_trunc('second', p_step.updated_at), p_step.attempt,
                       p_step.last_error);
      frees := format('select %I.fn_retry_step(%L);', current_schema(), p_step.id);
    when 'cancelled' then
      detail := coalesce(p_step.wait_reason, 'cancelled')
                || coalesce(': ' || (select m.error from ops_missions m where m.id = p_step.mission_id), '');
      -- If another step failed for good, the retry of that step brings this one back.
      frees := format('select %I.fn_retry_step(%L);', current_schema(), coalesce((
        select f.id
          from ops_mission_steps f
         where f.mission_id = p_step.mission_id and f.status = 'failed' and f.on_failure <> 'continue'
         order by f.position
         limit 1), p_step.id));
    else
      detail := format('%s at %s', p_step.status, date_trunc('second', p_step.updated_at));
  end case;
  return next;
end;
$$;
