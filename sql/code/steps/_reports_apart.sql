create or replace function _reports_apart(p_reports jsonb)
returns table (report jsonb)
language plpgsql
immutable
set search_path from current
as $$
-- The reports of a batch that is taken one by one, in their order. Of those that repeat a step and token the first.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select r.report
    from (select distinct on (e.report ->> 'step_id', e.report ->> 'lease_token') e.report, e.ord
            from jsonb_array_elements(p_reports) with ordinality e (report, ord)
           order by e.report ->> 'step_id', e.report ->> 'lease_token', e.ord) r
   order by r.ord;
end;
$$;
