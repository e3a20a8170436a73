create or replace function fn_exposition()
returns text
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- All metrics as Prometheus reads them (text format 0.0.4), each with the label loop: the name of the schema.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    with sample as (
      select m.name, '' as suffix, '{}'::text[] as labels, m.value, 0::bigint as ord from fn_metrics() m
      union all
      select s.* from _series() with ordinality s
    ), line as (
      select s.name, s.ord,
             format('%s%s{%s} %s', s.name, s.suffix,
                    (select string_agg(format('%s="%s"', p.label,
                                              replace(replace(replace(p.value, E'\\', E'\\\\'), '"', E'\\"'),
                                                      E'\n', E'\\n')), ',' order by p.no)
                       from (select l.all[i] as label, l.all[i + 1] as value, i as no
                               from generate_series(1, cardinality(l.all), 2) i) p),
                    trim_scale(s.value)) as text
        from sample s
       cross join lateral (select array['loop', current_schema()::text] || s.labels as all) l
    )
    select string_agg(format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n%4$s', d.name,
                             replace(d.help, E'\\', E'\\\\'), d.kind, t.text), '' order by d.name)
      from _measures() d
     cross join lateral (select coalesce(string_agg(l.text || E'\n', '' order by l.ord), '') as text
                           from line l where l.name = d.name) t);
end;
$$;
comment on function fn_exposition() is
  'All metrics in the text format of Prometheus, with label loop, the name of the schema: what GET /metrics and '
  'opsloop metrics --prometheus give. Cheap however large the tables are; no label takes more values than a bound '
  'allows.';
