create or replace function _outbox_policy_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an outbox document that its schema does not find: fields that belong to another sink, or that a sink
-- needs, and headers. Sinks other than http, notify and command belong to a relay; their settings stand under settings.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_item record;
  v_at text;
  v_sink text;
  v_fields text[];
begin
  for v_item in
    select e.value as route, e.ordinality - 1 as no
      from jsonb_array_elements(case jsonb_typeof(p_value -> 'routes') when 'array' then p_value -> 'routes'
                                else '[]' end) with ordinality e
     where jsonb_typeof(e.value) = 'object'
  loop
    exit when cardinality(v_faults) > 1000;
    v_at := format('routes[%s]', v_item.no);
    v_sink := v_item.route ->> 'sink';
    v_fields := case v_sink
      when 'http' then array['url', 'headers', 'secret_env', 'timeout_seconds', 'allow_private']
      when 'notify' then array['channel']
      when 'command' then array['preset', 'timeout_seconds']
      else array['settings'] end;
    v_faults := v_faults
      || array(select format('%s.%s: unknown field of sink %s; its own are %s', v_at, f, left(v_sink, 80),
                             array_to_string(v_fields, ', '))
                 from unnest(array['url', 'headers', 'secret_env', 'timeout_seconds', 'allow_private', 'channel',
                                   'preset', 'settings']) f
                where v_item.route ? f and f <> all (v_fields))
      || _missing_field_faults(v_at, v_item.route,
           case v_sink when 'http' then array['url'] when 'notify' then array['channel'] when 'command'
             then array['preset'] else '{}' end);
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
