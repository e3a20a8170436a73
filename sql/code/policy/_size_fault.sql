create or replace function _size_fault(p_name text, p_value jsonb, p_setting text, p_limits jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The fault of a document that is too large: {"argument", "bytes" or "depth", "limit", "setting"}; null when nothing
-- is. p_setting: the limit of its bytes. p_limits: those in force.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if octet_length(p_value::text) > (p_limits ->> p_setting)::bigint then
    return jsonb_build_object('argument', p_name, 'bytes', octet_length(p_value::text), 'limit', p_limits -> p_setting,
                              'setting', 'size_limits.' || p_setting);
  end if;
  if _is_deeper(p_value, (p_limits ->> 'depth')::integer) then
    return jsonb_build_object('argument', p_name, 'depth', _json_depth(p_value), 'limit', p_limits -> 'depth',
                              'setting', 'size_limits.depth');
  end if;
  return null;
end;
$$;
