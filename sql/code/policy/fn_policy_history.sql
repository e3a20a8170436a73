create or replace function fn_policy_history(p_key text, p_limit integer default 20)
returns table (version integer, value jsonb, changed_by text, changed_login text, updated_at timestamptz,
               reason text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The versions of a policy document, the latest first.
-- Locks: none. Writes: nothing. Raises: OP002 when there never was such a document, OP018 for a limit below 1.
begin
  if p_limit < 1 then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_limit must be 1 or more',
      detail = jsonb_build_object('p_limit', p_limit)::text,
      hint = 'Leave it out for the last 20, or give null for all.';
  end if;
  return query
  select h.version, h.value, h.changed_by, h.changed_login, h.updated_at, h.reason
    from ops_policy_history h
   where h.key = p_key
   order by h.version desc
   limit p_limit;
  if not found then
    -- Raises for a document that there is not.
    perform fn_get_policy(p_key);
  end if;
end;
$$;
comment on function fn_policy_history(text, integer) is
  'The versions of a policy document, the latest first: its content, who changed it (as claimed, and by login), when '
  'and why.';
