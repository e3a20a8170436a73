-- Takes back 0002_policy, with all rows.
set local lock_timeout = '5s';

drop type ops_policy_documents;
drop view ops_policy_audit;
drop table ops_policy_history;
drop table ops_policy;
