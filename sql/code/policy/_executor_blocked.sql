create or replace function _executor_blocked(p_executor text, p_worker_policy jsonb, out rule text, out changes text[])
language plpgsql
immutable
set search_path from current
as $$
-- Why nothing runs by an executor, be it steps or the messages of the outbox: the rule of worker_policy, null when
-- there is none, and the changes of the document that lift it, for _policy_statement. A preset is a command, and
-- blocked with it.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_blocking text[];
begin
  select array_agg(b order by b) into v_blocking
    from jsonb_array_elements_text(nullif(p_worker_policy -> 'blocked_executors', 'null')) b
   where exists (select from unnest(_executor_names(p_executor, p_worker_policy)) e where _matches_any(e, to_jsonb(b)));
  if v_blocking is not null then
    rule := format('blocked_executors has %s', array_to_string(v_blocking, ', '));
    changes := changes || format('''blocked_executors'', (y.value -> ''blocked_executors'') - %L::text[]', v_blocking);
  end if;
  if coalesce(jsonb_typeof(p_worker_policy -> 'allowed_executors'), 'null') <> 'null'
     and not _matches_any(p_executor, p_worker_policy -> 'allowed_executors') then
    rule := concat_ws('; ', rule, format('allowed_executors has no %s', p_executor));
    changes := changes || format('''allowed_executors'', (y.value -> ''allowed_executors'') || %L', to_jsonb(p_executor));
  end if;
end;
$$;
