-- After a rollback script ran: takes back the ledger row, unless the ledger itself is gone.
do $$
begin
  if to_regclass('opsloop_schema_change') is not null then
    delete from opsloop_schema_change where change = current_setting('opsloop.change');
  end if;
end;
$$;
