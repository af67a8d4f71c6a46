/** How the program is connected: with TLS or plain, and what options of the connection it asked for. */
export const ASKED = `
  SELECT concat_ws(' ', CASE WHEN ssl THEN 'TLS' ELSE 'plain' END,
    (SELECT 'search_path=' || setting FROM pg_settings WHERE name = 'search_path' AND source = 'client'),
    (SELECT 'application_name=' || setting FROM pg_settings WHERE name = 'application_name' AND setting = 'a+b')) AS read
  FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
