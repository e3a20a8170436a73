create or replace function _check_template(p_name text, p_template jsonb, p_setting text, p_limits jsonb)
returns void
language plpgsql
immutable
set search_path from current
as $$
-- Refuses a template, or a document of templates, that has more bytes than size_limits.<p_setting>, is nested too deep,
-- or has too many placeholders.
-- Locks: none. Writes: nothing. Raises: OP045.
declare
  v_text constant text := p_template::text;
  v_count integer := 0;
begin
  perform _refuse_size(_size_fault(p_name, p_template, p_setting, p_limits));
  if strpos(v_text, '{{') > 0 then
    v_count := (length(v_text) - length(replace(v_text, '{{', ''))) / 2;
  end if;
  if v_count > (p_limits ->> 'placeholders')::integer then
    perform _refuse_size(jsonb_build_object('argument', p_name, 'count', v_count, 'limit', p_limits -> 'placeholders',
                                            'setting', 'size_limits.placeholders'));
  end if;
end;
$$;
