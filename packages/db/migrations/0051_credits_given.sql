-- Old code keeps working: it does not look.

-- When the account was last given credits: "they are low" is said once for each time.
create index credit_entries_given on credit_entries (account_id, nth) where kind in ('grant', 'purchase', 'free_month');
