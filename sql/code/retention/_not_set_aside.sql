create or replace function _not_set_aside(p_keys text[])
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- Those of these keys, uuids or numbers, whose rows were not set aside in the last ten minutes (_set_aside).
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_aside uuid[];
begin
  select array_agg(t.id) into v_aside
    from ops_strays t
   where t.kind = 'row that cannot be changed' and t.noticed_at > _now() - interval '10 minutes';
  if v_aside is null then
    return p_keys;
  end if;
  return (select array_agg(k.key)
            from unnest(p_keys) k (key)
           where case when k.key ~ '^[0-9]+$' then _outbox_ready_id(k.key::bigint) else k.key::uuid end
                 <> all (v_aside));
end;
$$;
