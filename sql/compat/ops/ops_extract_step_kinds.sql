create or replace function ops_extract_step_kinds(p_template jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The kinds that the steps of a template have, each once; null when there are none. A name of the reference loop.
-- Locks: none. Writes: nothing. Raises: nothing of ours.
begin
  return (select array_agg(distinct s ->> 'kind')
            from jsonb_array_elements(coalesce(p_template -> 'steps', '[]')) s where s ? 'kind');
end;
$$;
