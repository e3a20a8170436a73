-- Takes back 0019_metrics, with all that was counted.
set local lock_timeout = '5s';

drop table ops_attempt_fold;
drop table ops_attempt_counts;
