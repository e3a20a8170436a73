create or replace function fn_group_failures(p_filter jsonb default '{}', p_limit integer default 50)
returns table (
  group_key text,
  pattern text,
  letters bigint,
  executors text[],
  first_at timestamptz,
  last_at timestamptz,
  example text,
  dl_msg_id text
)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Dead letters by what failed in the same way: those whose reasons are equal once ids and numbers are masked (pattern),
-- largest group first. group_key names it in filters (group); example and dl_msg_id are of its last letter. Of what the
-- filter matches the newest 10,000 are grouped.
-- Locks: none. Writes: nothing. Raises: OP018 for a filter or limit that cannot be.
declare
  v_ids bigint[];
begin
  perform _check_list(p_limit);
  v_ids := _dead_letters(_dead_letter_filter(p_filter, 10000), 10000, true);
  return query
  with letter as (
    -- Each reason is masked once.
    select a.reason, a.executor, count(*) as n, min(a.dead_lettered_at) as first_at,
           max(a.dead_lettered_at) as last_at, max(a.id) as newest
      from (select d.id, d.reason, d.dead_lettered_at, coalesce(d.payload ->> 'executor', d.what) as executor
              from unnest(v_ids) i (id) join dead_letter_archive d on d.id = i.id) a
     group by a.reason, a.executor
  ), masked as (
    select _masked(coalesce(l.reason, '')) as pattern, sum(l.n)::bigint as n, min(l.first_at) as first_at,
           max(l.last_at) as last_at, max(l.newest) as newest, array_agg(distinct l.executor) as executors
      from letter l
     group by 1
  )
  select _group_of(m.pattern), m.pattern, m.n, m.executors, m.first_at, m.last_at, d.reason, d.dl_msg_id
    from masked m
    join dead_letter_archive d on d.id = m.newest
   order by m.n desc, m.last_at desc
   limit p_limit;
end;
$$;
comment on function fn_group_failures(jsonb, integer) is
  'Dead letters by what failed in the same way, their reasons being equal once ids and numbers are masked: the largest '
  'p_limit (1 to 1000) groups of the newest 10,000 letters, with first and last time and an example. group_key goes '
  'into filters (group) of fn_redrive_dead_letters, fn_retry_steps and the lists. p_filter as for '
  'fn_redrive_dead_letters. OPS_018 for a filter or limit that cannot be.';
