create or replace function _check_batch(
  p_name text,
  p_batch jsonb,
  p_field text default null,
  p_setting text default null
)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a batch, an array, that has too many entries or bytes, and one with an entry whose p_field has more bytes
-- than size_limits.<p_setting> or is nested too deep. Single entries are looked at only where the batch as a whole is
-- larger than one of them may be.
-- Locks: none. Writes: nothing. Raises: OP045.
declare
  v_bytes constant bigint := octet_length(p_batch::text);
  v_limits jsonb;
  v_fault jsonb;
begin
  if jsonb_array_length(p_batch) <= 500 and _is_small(p_batch) then
    return;
  end if;
  v_limits := _size_limits();
  if jsonb_array_length(p_batch) > (v_limits ->> 'batch_items')::integer then
    v_fault := jsonb_build_object('argument', p_name, 'count', jsonb_array_length(p_batch),
                                  'limit', v_limits -> 'batch_items', 'setting', 'size_limits.batch_items');
  elsif v_bytes > coalesce((v_limits ->> p_setting)::bigint, v_bytes)
        or _is_deeper(p_batch, (v_limits ->> 'depth')::integer + 2) then
    select f.fault into v_fault
      from jsonb_array_elements(p_batch) with ordinality e (entry, ord)
     cross join lateral (
       select _size_fault(concat_ws('.', format('%s[%s]', p_name, e.ord - 1), p_field),
                          case when p_field is null then e.entry else e.entry -> p_field end,
                          coalesce(p_setting, 'batch_bytes'), v_limits) as fault) f
     where f.fault is not null
     order by e.ord
     limit 1;
  end if;
  if v_fault is null and v_bytes > (v_limits ->> 'batch_bytes')::bigint then
    v_fault := jsonb_build_object('argument', p_name, 'bytes', v_bytes, 'limit', v_limits -> 'batch_bytes',
                                  'setting', 'size_limits.batch_bytes');
  end if;
  perform _refuse_size(v_fault);
end;
$$;
