create or replace function _raise_held(p_thing text, p_table regclass, p_holders xid[] default '{}')
returns void
language plpgsql
set search_path from current
as $$
-- Raises that another transaction has locked p_thing, a row of p_table or a key in it, and has not ended in the time
-- that the caller waited. p_holders: the xmax of the rows, where the caller sees them. Of the transactions that have
-- written to the table or locked rows in it those are named; all, when none is among them, as when the row is new.
-- Locks: none. Writes: nothing. Raises: OP031.
declare
  v_holders jsonb;
  v_ends text;
  v_is_named boolean;
begin
  with writer as (
    select l.virtualtransaction, l.pid, x.gid, coalesce(a.usename, x.owner) as login, a.application_name,
           coalesce(a.xact_start, x.prepared) as since,
           exists (select from pg_locks t
                    where t.locktype = 'transactionid' and t.granted and t.virtualtransaction = l.virtualtransaction
                      and t.transactionid = any (p_holders)) as is_named
      from (select distinct r.virtualtransaction, r.pid
              from pg_locks r
             where r.locktype = 'relation' and r.relation = p_table and r.granted and r.mode <> 'AccessShareLock'
               and r.pid is distinct from pg_backend_pid()
               and r.database = (select d.oid from pg_database d where d.datname = current_database())) l
      left join pg_stat_activity a on a.pid = l.pid
      -- A prepared transaction has no session.
      left join pg_locks i on l.pid is null and i.pid is null and i.locktype = 'transactionid'
                              and i.virtualtransaction = l.virtualtransaction
      left join pg_prepared_xacts x on x.transaction = i.transactionid
  ), holder as (
    select w.* from writer w where w.is_named or not exists (select from writer n where n.is_named)
  )
  select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'pid', h.pid, 'gid', h.gid, 'login', h.login, 'application', nullif(h.application_name, ''),
           'since', h.since)) order by h.since, h.pid), '[]'),
         bool_and(h.is_named), string_agg(case when h.gid is null then format('select pg_terminate_backend(%s);', h.pid)
                         else format('rollback prepared %L;', h.gid) end, ' ' order by h.since, h.pid)
    into v_holders, v_is_named, v_ends
    from holder h;
  raise exception using errcode = 'OP031',
    message = format('OPS_031: somebody is at it: %s is held by %s%s', p_thing,
      case when not v_is_named and jsonb_array_length(v_holders) > 1 then 'one of ' end, coalesce(
      (select string_agg(coalesce('prepared transaction ' || quote_literal(h ->> 'gid'), 'session ' || (h ->> 'pid'))
                         || ' of login ' || coalesce(h ->> 'login', '?'), ', ')
         from jsonb_array_elements(v_holders) h), 'a transaction that has ended by now')),
    detail = jsonb_build_object('held', p_thing, 'holders', v_holders)::text,
    hint = coalesce('Commit there, or end it: ' || v_ends || ' Then call again.', 'Call again.');
end;
$$;
