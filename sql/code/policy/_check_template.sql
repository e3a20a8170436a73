create or replace function _check_template(p_name text, p_template jsonb, p_setting text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a template, or a document of templates, that has more bytes than size_limits.<p_setting>, is nested too deep,
-- or has too many placeholders.
-- Locks: none. Writes: nothing. Raises: OP045.
declare
  v_text constant text := p_template::text;
  v_count constant integer := (length(v_text) - length(replace(v_text, '{{', ''))) / 2;
  v_limits jsonb;
begin
  if v_count <= 1 and _is_small(p_template) then
    return;
  end if;
  v_limits := _size_limits();
  perform _refuse_size(_size_fault(p_name, p_template, p_setting, v_limits));
  if v_count > (v_limits ->> 'placeholders')::integer then
    perform _refuse_size(jsonb_build_object('argument', p_name, 'count', v_count, 'limit', v_limits -> 'placeholders',
                                            'setting', 'size_limits.placeholders'));
  end if;
end;
$$;
