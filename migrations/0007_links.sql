-- Why: 0006 took tracking parameters out of those keys that had nothing else behind the question mark. The rest kept them,
-- and an article with such a link would come a second time, under the key that it has now.
--
-- As `parse::tracking` takes them out at this time. A key that is a hash, of a link that is long, stays what it is.

WITH RECURSIVE
-- Keys with a query: what stands before it, itself, and the fragment behind it.
link (id, path, query, fragment) AS (
    SELECT id,
           substr(key, 1, instr(key, '?') - 1),
           substr(key, instr(key, '?') + 1, iif(instr(key, '#') > 0, instr(key, '#'), length(key) + 1) - instr(key, '?') - 1),
           iif(instr(key, '#') > 0, substr(key, instr(key, '#')), '')
    FROM article
    WHERE key >= 'link:' AND key < 'link;' AND instr(key, '?') > 0
      AND (instr(key, '#') = 0 OR instr(key, '#') > instr(key, '?'))
),
-- Its parameters, one after the other; what is left always ends with a sign of its own.
parameter (id, place, text, rest) AS (
    SELECT id, 0, '', query || '&' FROM link
    UNION ALL
    SELECT id, place + 1, substr(rest, 1, instr(rest, '&') - 1), substr(rest, instr(rest, '&') + 1)
    FROM parameter WHERE rest <> ''
),
named (id, place, text, name) AS (
    SELECT id, place, text, lower(substr(text, 1, instr(text || '=', '=') - 1)) FROM parameter WHERE place > 0
),
judged (id, place, text, is_tracking) AS (
    SELECT id, place, text,
           name GLOB 'utm_*' OR name GLOB 'pk_*' OR name GLOB 'mtm_*' OR name GLOB 'matomo_*' OR name GLOB 'piwik_*'
           OR name GLOB 'hsa_*' OR name IN (
               'at_medium', 'at_campaign', 'ns_campaign', 'ns_mchannel', 'ns_source', 'ns_linkname', 'ns_fee', 'cmpid',
               'icid', 'xtor', 'wt_mc', 'wt.mc_id', 'mkt_tok', 'ocid', 'fbclid', 'gclid', 'gclsrc', 'dclid', 'gbraid',
               'wbraid', 'msclkid', 'yclid', 'twclid', 'ttclid', 'igshid', 'igsh', 'li_fat_id', 'srsltid', '_ga', '_gl',
               'mc_cid', 'mc_eid', '_hsenc', '_hsmi'
           )
    FROM named
),
kept (id, query) AS (
    SELECT id, group_concat(text, '&' ORDER BY place) FILTER (WHERE NOT is_tracking)
    FROM judged GROUP BY id HAVING max(is_tracking)
)
-- OR IGNORE: it came a second time already, and the younger one has the key.
UPDATE OR IGNORE article SET key = link.path || coalesce('?' || kept.query, '') || link.fragment
FROM kept JOIN link ON link.id = kept.id
WHERE article.id = kept.id;
