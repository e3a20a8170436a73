create or replace function _outbox_policy_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an outbox document: where relays deliver which messages, and how often they try. Sinks other than http,
-- notify and command belong to a relay; their settings stand under settings.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[];
  v_item record;
  v_at text;
  v_sink text;
  v_fields text[];
begin
  v_faults := _unknown_field_faults('', p_value, array['routes', 'max_tries', 'lease_seconds', 'allow_private',
                                                       'description'])
    || _field_fault('routes', p_value -> 'routes', 'array')
    || _field_fault('max_tries', p_value -> 'max_tries', 'whole number', 1, 100)
    || _field_fault('lease_seconds', p_value -> 'lease_seconds', 'whole number', 1, 3600)
    || _field_fault('allow_private', p_value -> 'allow_private', 'true or false');
  for v_item in
    select e.value as route, e.ordinality - 1 as no
      from jsonb_array_elements(case jsonb_typeof(p_value -> 'routes') when 'array' then p_value -> 'routes'
                                else '[]' end) with ordinality e
  loop
    exit when cardinality(v_faults) > 1000;
    v_at := format('routes[%s]', v_item.no);
    if jsonb_typeof(v_item.route) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_sink := v_item.route ->> 'sink';
    v_fields := case v_sink
      when 'http' then array['url', 'headers', 'secret_env', 'timeout_seconds', 'allow_private']
      when 'notify' then array['channel']
      when 'command' then array['preset', 'timeout_seconds']
      else array['settings'] end;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_item.route,
                               array['name', 'event_type', 'sink', 'max_tries', 'description'] || v_fields)
      || _missing_field_faults(v_at, v_item.route, array['event_type', 'sink']
           || case v_sink when 'http' then array['url'] when 'notify' then array['channel'] when 'command'
             then array['preset'] else '{}' end)
      || _field_fault(v_at || '.name', v_item.route -> 'name', 'name')
      || _field_fault(v_at || '.event_type', v_item.route -> 'event_type', 'text or texts')
      || _field_fault(v_at || '.sink', v_item.route -> 'sink', 'name')
      || _field_fault(v_at || '.max_tries', v_item.route -> 'max_tries', 'whole number', 1, 100)
      || _field_fault(v_at || '.url', v_item.route -> 'url', 'text', 1, 2000)
      || _field_fault(v_at || '.headers', v_item.route -> 'headers', 'object')
      || _field_fault(v_at || '.secret_env', v_item.route -> 'secret_env', 'name')
      || _field_fault(v_at || '.timeout_seconds', v_item.route -> 'timeout_seconds', 'number', 0.1, 300)
      || _field_fault(v_at || '.allow_private', v_item.route -> 'allow_private', 'true or false')
      || _field_fault(v_at || '.channel', v_item.route -> 'channel', 'text', 1, 63)
      || _field_fault(v_at || '.preset', v_item.route -> 'preset', 'name')
      || _field_fault(v_at || '.settings', v_item.route -> 'settings', 'object');
    if jsonb_typeof(v_item.route -> 'url') = 'string'
       and v_item.route ->> 'url' !~* E'^https?://[^/?#@\\s]+([/?#]\\S*)?$' then
      v_faults := v_faults
        || (v_at || '.url: must begin with http:// or https:// and a host, without a user or blanks');
    end if;
    if jsonb_typeof(v_item.route -> 'headers') = 'object' then
      v_faults := v_faults || array(
        select format('%s.headers.%s: must be a header of its own with a text in one line', v_at, left(h.key, 80))
          from jsonb_each(v_item.route -> 'headers') h
         where jsonb_typeof(h.value) <> 'string' or h.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+$'
            or (h.value #>> '{}') ~ E'[^\\x20-\\x7e]'
            or lower(h.key) in ('host', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade',
                                'te', 'trailer', 'expect', 'http2-settings', 'proxy-connection',
                                'proxy-authorization', 'content-type', 'idempotency-key', 'webhook-id',
                                'webhook-timestamp', 'webhook-signature')
         order by h.key);
    end if;
  end loop;
  return v_faults;
end;
$$;
