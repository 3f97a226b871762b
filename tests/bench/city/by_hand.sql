-- HH-2026.1 on 2026-11-20, as somebody would write it who wants this one answer from DuckDB, fast, and nothing else.
-- All windows are bounds on the day of the event; 20 November needs no care for short months.
WITH people AS (
    SELECT * FROM residents
    WHERE joined AND birth_date <= DATE '2008-11-20' AND resident_id BETWEEN $first AND $last
), live AS (
    SELECT resident_id, record_id, indicator, occurred_on, hundredths, level, severity,
           coalesce(valid_from, occurred_on) AS first_day
    FROM records
    WHERE resident_id BETWEEN $first AND $last AND resident_id IN (SELECT resident_id FROM people)
      AND state = 'EFFECTIVE' AND coalesce(valid_from, occurred_on) <= DATE '2026-11-20'
      AND (valid_to IS NULL OR valid_to >= DATE '2026-11-20')
), monthly AS (
    SELECT resident_id, sum(units) AS e01
    FROM (
        SELECT resident_id, floor(least(sum(hundredths), 600) / 100)::BIGINT AS units
        FROM live WHERE indicator = 'E01' AND occurred_on >= DATE '2025-11-20'
        GROUP BY resident_id, year(occurred_on), month(occurred_on)
    ) GROUP BY resident_id
), sums AS (
    SELECT resident_id,
        max(CASE level WHEN 'L3' THEN 10 WHEN 'L2' THEN 5 ELSE 0 END) FILTER (WHERE indicator = 'A01' AND occurred_on >= DATE '2023-11-20') AS a01,
        sum(hundredths) FILTER (WHERE indicator = 'A02') AS a02,
        sum(hundredths) FILTER (WHERE indicator = 'A03') AS a03,
        sum(hundredths) FILTER (WHERE indicator = 'A04') AS a04,
        min(first_day) FILTER (WHERE indicator = 'B01') AS watched,
        max(first_day) FILTER (WHERE indicator IN ('B12', 'B14', 'B15', 'B17', 'B18', 'B21', 'B22', 'C11', 'E12', 'E13')
            AND coalesce(severity, '严重') IN ('一般', '严重')
            AND occurred_on >= CASE
                WHEN indicator IN ('B14', 'C11', 'E12', 'E13') THEN DATE '2025-11-20'
                WHEN indicator = 'B18' AND coalesce(severity, '一般') <> '严重' THEN DATE '2025-11-20'
                ELSE DATE '2023-11-20' END) AS event,
        bool_or(TRUE) FILTER (WHERE indicator IN ('B11', 'B16', 'B19', 'B20') AND coalesce(severity, '严重') <> '轻微') AS on_a_list,
        bool_or(TRUE) FILTER (WHERE indicator = 'E11' AND severity IN ('一般', '严重')) AS on_e11,
        sum(hundredths) FILTER (WHERE indicator = 'B02' AND occurred_on >= DATE '2024-11-20') AS b02,
        sum(hundredths) FILTER (WHERE indicator = 'B03' AND occurred_on >= DATE '2024-11-20') AS b03,
        sum(hundredths) FILTER (WHERE indicator = 'B11') AS b11,
        sum(CASE WHEN occurred_on >= DATE '2025-11-20' THEN -150 ELSE -75 END) FILTER (WHERE indicator = 'B12' AND occurred_on >= DATE '2023-11-20') AS b12,
        bool_or(TRUE) FILTER (WHERE indicator = 'B13' AND occurred_on >= DATE '2026-08-20') AS b13,
        sum(-20) FILTER (WHERE indicator = 'B14' AND occurred_on >= DATE '2025-11-20') AS b14,
        sum(CASE WHEN occurred_on >= DATE '2025-11-20' THEN -60 ELSE -30 END) FILTER (WHERE indicator = 'B15' AND occurred_on >= DATE '2023-11-20') AS b15,
        sum(hundredths) FILTER (WHERE indicator = 'B16') AS b16,
        sum(CASE WHEN occurred_on >= DATE '2025-11-20' THEN -80 ELSE -40 END) FILTER (WHERE indicator = 'B17' AND occurred_on >= DATE '2023-11-20') AS b17,
        sum(-40) FILTER (WHERE indicator = 'B18' AND occurred_on >= CASE severity WHEN '严重' THEN DATE '2023-11-20' ELSE DATE '2025-11-20' END) AS b18,
        sum(hundredths) FILTER (WHERE indicator = 'B19') AS b19,
        sum(hundredths) FILTER (WHERE indicator = 'B20') AS b20,
        sum(-50) FILTER (WHERE indicator = 'B21' AND occurred_on >= DATE '2023-11-20') AS b21,
        sum(-40) FILTER (WHERE indicator = 'B22' AND occurred_on >= DATE '2023-11-20') AS b22,
        sum(hundredths) FILTER (WHERE indicator = 'C01' AND occurred_on >= DATE '2024-11-20') AS c01,
        sum(hundredths) FILTER (WHERE indicator = 'C02' AND occurred_on >= DATE '2024-11-20') AS c02,
        sum(hundredths) FILTER (WHERE indicator = 'C03' AND occurred_on >= DATE '2024-11-20') AS c03,
        sum(hundredths) FILTER (WHERE indicator = 'C04' AND occurred_on >= DATE '2023-11-20') AS c04,
        sum(hundredths) FILTER (WHERE indicator = 'C05' AND occurred_on >= DATE '2025-11-20') AS c05,
        sum(hundredths) FILTER (WHERE indicator = 'C06' AND occurred_on >= DATE '2025-11-20') AS c06,
        sum(hundredths) FILTER (WHERE indicator = 'C07' AND occurred_on >= DATE '2023-11-20') AS c07,
        sum(-20) FILTER (WHERE indicator = 'C11' AND occurred_on >= DATE '2025-11-20') AS c11,
        sum(hundredths) FILTER (WHERE indicator = 'D01' AND occurred_on >= DATE '2024-11-20') AS d01,
        max(CASE level WHEN '市级' THEN 40 WHEN '区级' THEN 20 ELSE 0 END) FILTER (WHERE indicator = 'D02' AND occurred_on >= DATE '2021-11-20') AS d02,
        max(CASE level WHEN '国家级' THEN 40 WHEN '市级' THEN 30 WHEN '区级' THEN 15 ELSE 0 END) FILTER (WHERE indicator = 'D03' AND occurred_on >= DATE '2021-11-20') AS d03,
        max(CASE level WHEN '国家级' THEN 20 WHEN '市级' THEN 10 ELSE 0 END) FILTER (WHERE indicator = 'D04' AND occurred_on >= DATE '2021-11-20') AS d04,
        sum(hundredths) FILTER (WHERE indicator = 'D05' AND occurred_on >= DATE '2024-11-20') AS d05,
        sum(hundredths) FILTER (WHERE indicator = 'D06' AND occurred_on >= DATE '2023-11-20') AS d06,
        sum(hundredths) FILTER (WHERE indicator = 'D07' AND occurred_on >= DATE '2025-11-20') AS d07,
        max(CASE level WHEN '国家级' THEN 10 WHEN '市级' THEN 5 ELSE 0 END) FILTER (WHERE indicator = 'D08' AND occurred_on >= DATE '2021-11-20') AS d08,
        sum(hundredths) FILTER (WHERE indicator = 'E02' AND occurred_on >= DATE '2025-11-20') AS e02,
        sum(hundredths) FILTER (WHERE indicator = 'E03' AND occurred_on >= DATE '2024-11-20') AS e03,
        sum(hundredths) FILTER (WHERE indicator = 'E04' AND occurred_on >= DATE '2024-11-20') AS e04,
        sum(hundredths) FILTER (WHERE indicator = 'E11') AS e11,
        sum(-20) FILTER (WHERE indicator = 'E12' AND occurred_on >= DATE '2025-11-20') AS e12,
        sum(-50) FILTER (WHERE indicator = 'E13' AND occurred_on >= DATE '2025-11-20') AS e13,
        arg_max(level = 'YES', (first_day, record_id)) FILTER (WHERE indicator = 'F01') AS stated_F01,
        arg_max(level = 'YES', (first_day, record_id)) FILTER (WHERE indicator = 'F02') AS stated_F02,
        arg_max(level = 'YES', (first_day, record_id)) FILTER (WHERE indicator = 'F03') AS stated_F03
    FROM live GROUP BY resident_id
), runs AS (
    SELECT *, greatest(watched, CASE WHEN on_a_list OR on_e11 THEN DATE '2026-11-20' ELSE event END) AS since FROM sums
), lines AS (
    SELECT p.resident_id,
        coalesce(a01, 0) AS points_A01,
        least(coalesce(a02, 0) // 100 * 2, 10) AS points_A02,
        least(coalesce(a03, 0) // 100 * 5, 10) AS points_A03,
        least(coalesce(a04, 0) // 100 * 2, 10) AS points_A04,
        CASE WHEN watched IS NULL THEN 0 ELSE least((2026 - year(since)) * 12 + 11 - month(since) - (day(since) > 20)::INT, 30) END AS points_B01,
        least(coalesce(b02, 0) // 100 * 5, 10) AS points_B02,
        least(coalesce(b03, 0) // 100 * 5, 10) AS points_B03,
        greatest(coalesce(b11, 0) // 100 * -200, -200) AS points_B11,
        greatest(coalesce(b12, 0), -150) AS points_B12,
        0 AS points_B13,
        greatest(coalesce(b14, 0), -60) AS points_B14,
        greatest(coalesce(b15, 0), -120) AS points_B15,
        greatest(coalesce(b16, 0) // 100 * -150, -150) AS points_B16,
        greatest(coalesce(b17, 0), -80) AS points_B17,
        greatest(coalesce(b18, 0), -40) AS points_B18,
        greatest(coalesce(b19, 0) // 100 * -100, -100) AS points_B19,
        greatest(coalesce(b20, 0) // 100 * -60, -60) AS points_B20,
        greatest(coalesce(b21, 0), -50) AS points_B21,
        greatest(coalesce(b22, 0), -40) AS points_B22,
        least(coalesce(c01, 0) // 100, 24) AS points_C01,
        least(coalesce(c02, 0) // 100, 24) AS points_C02,
        least(coalesce(c03, 0) // 100, 24) AS points_C03,
        least(coalesce(c04, 0) // 100 * 5, 20) AS points_C04,
        least(coalesce(c05, 0) // 200, 10) AS points_C05,
        least(coalesce(c06, 0) // 100, 12) AS points_C06,
        least(coalesce(c07, 0) // 100 * 8, 16) AS points_C07,
        greatest(coalesce(c11, 0), -60) AS points_C11,
        0 AS points_C12,
        0 AS points_C13,
        least(least(coalesce(d01, 0), 2000) // 100 + greatest(least(coalesce(d01, 0), 8000) - 2000, 0) // 200
            + greatest(least(coalesce(d01, 0), 20000) - 8000, 0) // 300 + greatest(coalesce(d01, 0) - 20000, 0) // 400, 60) AS points_D01,
        coalesce(d02, 0) AS points_D02,
        coalesce(d03, 0) AS points_D03,
        coalesce(d04, 0) AS points_D04,
        least(coalesce(d05, 0) // 100, 10) AS points_D05,
        CASE WHEN consent_BLOOD_DONATION THEN least(coalesce(d06, 0) // 100 * 3, 15) ELSE 0 END AS points_D06,
        least(coalesce(d07, 0) // 100, 5) AS points_D07,
        coalesce(d08, 0) AS points_D08,
        least(coalesce(e01, 0) * 2, 40) AS points_E01,
        least(coalesce(e02, 0) // 100, 15) AS points_E02,
        CASE WHEN consent_MEDICAL THEN least(coalesce(e03, 0) // 100 * 3, 15) ELSE 0 END AS points_E03,
        least(coalesce(e04, 0) // 100 * 2, 10) AS points_E04,
        greatest(coalesce(e11, 0) // 100 * -5, -30) AS points_E11,
        greatest(coalesce(e12, 0), -60) AS points_E12,
        greatest(coalesce(e13, 0), -50) AS points_E13,
        b11 IS NOT NULL AS listed_B11, b12 IS NOT NULL AS listed_B12, b13 IS NOT NULL AS listed_B13,
        b14 IS NOT NULL AS listed_B14, b15 IS NOT NULL AS listed_B15, b16 IS NOT NULL AS listed_B16,
        b17 IS NOT NULL AS listed_B17, b18 IS NOT NULL AS listed_B18, b19 IS NOT NULL AS listed_B19,
        b20 IS NOT NULL AS listed_B20, b21 IS NOT NULL AS listed_B21, b22 IS NOT NULL AS listed_B22,
        c11 IS NOT NULL AS listed_C11, e11 IS NOT NULL AS listed_E11, e12 IS NOT NULL AS listed_E12,
        e13 IS NOT NULL AS listed_E13,
        stated_F01, stated_F02, stated_F03
    FROM people p LEFT JOIN runs USING (resident_id) LEFT JOIN monthly USING (resident_id)
), sides AS (
    SELECT *,
        least(greatest(60 + points_A01 + points_A02 + points_A03 + points_A04, 0), 100)::INT AS dimension_A,
        least(greatest(250 + points_B01 + points_B02 + points_B03 + points_B11 + points_B12 + points_B14 + points_B15
            + points_B16 + points_B17 + points_B18 + points_B19 + points_B20 + points_B21 + points_B22, 0), 300)::INT AS dimension_B,
        least(greatest(120 + points_C01 + points_C02 + points_C03 + points_C04 + points_C05 + points_C06 + points_C07
            + points_C11, 0), 250)::INT AS dimension_C,
        least(greatest(points_D01 + points_D02 + points_D03 + points_D04 + points_D05 + points_D06 + points_D07
            + points_D08, 0), 200)::INT AS dimension_D,
        least(greatest(70 + points_E01 + points_E02 + points_E03 + points_E04 + points_E11 + points_E12
            + points_E13, 0), 150)::INT AS dimension_E
    FROM lines
)
SELECT *, dimension_A + dimension_B + dimension_C + dimension_D + dimension_E AS total,
    CASE WHEN total >= 800 THEN 'G5' WHEN total >= 700 THEN 'G4' WHEN total >= 600 THEN 'G3'
         WHEN total >= 500 THEN 'G2' ELSE 'G1' END AS grade
FROM sides
