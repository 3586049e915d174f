"""Names, RefSeq accessions, lengths and digests of the primary contigs of GRCh37 and GRCh38.

Facts from the NCBI assembly reports (GCF_000001405.25, GCF_000001405.26).  `MT` is the revised
Cambridge Reference Sequence in both; the 16,571 bp `chrM` of UCSC hg19 is another sequence and is not
in this table.
"""

from typing import Final

# name, GRCh37 accession, GRCh37 length in bases, GRCh38 accession, GRCh38 length in bases
PRIMARY_CONTIGS: Final = (
    ("1", "NC_000001.10", 249_250_621, "NC_000001.11", 248_956_422),
    ("2", "NC_000002.11", 243_199_373, "NC_000002.12", 242_193_529),
    ("3", "NC_000003.11", 198_022_430, "NC_000003.12", 198_295_559),
    ("4", "NC_000004.11", 191_154_276, "NC_000004.12", 190_214_555),
    ("5", "NC_000005.9", 180_915_260, "NC_000005.10", 181_538_259),
    ("6", "NC_000006.11", 171_115_067, "NC_000006.12", 170_805_979),
    ("7", "NC_000007.13", 159_138_663, "NC_000007.14", 159_345_973),
    ("8", "NC_000008.10", 146_364_022, "NC_000008.11", 145_138_636),
    ("9", "NC_000009.11", 141_213_431, "NC_000009.12", 138_394_717),
    ("10", "NC_000010.10", 135_534_747, "NC_000010.11", 133_797_422),
    ("11", "NC_000011.9", 135_006_516, "NC_000011.10", 135_086_622),
    ("12", "NC_000012.11", 133_851_895, "NC_000012.12", 133_275_309),
    ("13", "NC_000013.10", 115_169_878, "NC_000013.11", 114_364_328),
    ("14", "NC_000014.8", 107_349_540, "NC_000014.9", 107_043_718),
    ("15", "NC_000015.9", 102_531_392, "NC_000015.10", 101_991_189),
    ("16", "NC_000016.9", 90_354_753, "NC_000016.10", 90_338_345),
    ("17", "NC_000017.10", 81_195_210, "NC_000017.11", 83_257_441),
    ("18", "NC_000018.9", 78_077_248, "NC_000018.10", 80_373_285),
    ("19", "NC_000019.9", 59_128_983, "NC_000019.10", 58_617_616),
    ("20", "NC_000020.10", 63_025_520, "NC_000020.11", 64_444_167),
    ("21", "NC_000021.8", 48_129_895, "NC_000021.9", 46_709_983),
    ("22", "NC_000022.10", 51_304_566, "NC_000022.11", 50_818_468),
    ("X", "NC_000023.10", 155_270_560, "NC_000023.11", 156_040_895),
    ("Y", "NC_000024.9", 59_373_566, "NC_000024.10", 57_227_415),
    ("MT", "NC_012920.1", 16_569, "NC_012920.1", 16_569),
)

# First and last base, counted from 1, of the two pseudoautosomal regions, on GRCh37 and on GRCh38.  Facts
# from the Genome Reference Consortium (https://www.ncbi.nlm.nih.gov/grc/human).
PSEUDOAUTOSOMAL: Final = {
    "X": (
        ((60_001, 2_699_520), (154_931_044, 155_260_560)),
        ((10_001, 2_781_479), (155_701_383, 156_030_895)),
    ),
    "Y": (((10_001, 2_649_520), (59_034_050, 59_363_566)), ((10_001, 2_781_479), (56_887_903, 57_217_415))),
}

# The refget digest (sha512t24u) of each contig's sequence on GRCh37 and on GRCh38, in the same order.  With
# "SQ." before it, it names the sequence in VRS.
REFGET_DIGESTS: Final = (
    ("S_KjnFVz-FE7M0W6yoaUDgYxLPc1jyWU", "Ya6Rs7DHhDeg7YaOSg1EoNi3U_nQ9SvO"),
    ("9KdcA9ZpY1Cpvxvg8bMSLYDUpsX6GDLO", "pnAqCRBrTsUoBghSD1yp_jXWSmlbdh4g"),
    ("VNBualIltAyi2AI_uXcKU7M9XUOuA7MS", "Zu7h9AggXxhTaGVsy7h_EZSChSZGcmgX"),
    ("iy7Zfceb5_VGtTQzJ-v5JpPbpeifHD_V", "HxuclGHh0XCDuF8x6yQrpHUBL7ZntAHc"),
    ("vbjOdMfHJvTjK_nqvFvpaSKhZillW0SX", "aUiQCzCPZ2d0csHbMSbh2NzInhonSXwI"),
    ("KqaUhJMW3CDjhoVtBetdEKT1n6hM-7Ek", "0iKlIQk2oZLoeOG9P1riRU6hvL5Ux8TV"),
    ("IW78mgV5Cqf6M24hy52hPjyyo5tCCd86", "F-LrLMe1SRpfUZHkQmvkVKFEGaoDeHul"),
    ("tTm7wmhz0G4lpt8wPspcNkAD_qiminj6", "209Z7zJ-mFypBEWLk4rNC6S_OxY5p7bs"),
    ("HBckYGQ4wYG9APHLpjoQ9UUe9v7NxExt", "KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI"),
    ("-BOZ8Esn8J88qDwNiSEwUr5425UXdiGX", "ss8r_wB0-b9r44TQTMmVTI92884QvBiB"),
    ("XXi2_O1ly-CCOi3HP5TypAw7LtC6niFG", "2NkFm8HK88MqeNkCgj78KidCAXgnsfV1"),
    ("105bBysLoDFQHhajooTAUyUkNiZ8LJEH", "6wlJpONE3oNb4D69ULmEXhqyDZ4vwNfl"),
    ("Ewb9qlgTqN6e_XQiRVYpoUfZJHXeiUfH", "_0wi-qoDrvram155UmcSC-zA5ZK4fpLT"),
    ("5Ji6FGEKfejK1U6BMScqrdKJK8GqmIGf", "eK4D2MosgK_ivBkgi6FVPg5UXs1bYESm"),
    ("zIMZb3Ft7RdWa5XYq0PxIlezLY2ccCgt", "AsXvWL1-2i5U_buw6_niVIxD6zTbAuS6"),
    ("W6wLoIFOn4G7cjopxPxYNk2lcEqhLQFb", "yC_0RBj3fgBlvgyAuycbzdubtLxq-rE0"),
    ("AjWXsI7AkTK35XW9pgd3UbjpC3MAevlz", "dLZ15tNO1Ur0IcGjwc3Sdi_0A6Yf4zm7"),
    ("BTj4BDaaHYoPhD3oY2GdwC_l0uqZ92UD", "vWwFhJ5lQDMhh-czg06YtlWqu0lvFAZV"),
    ("ItRDD47aMoioDCNW_occY5fWKZBKlxCX", "IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl"),
    ("iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf", "-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo"),
    ("LpTaNW-hwuY_yARP0rtarCnpCQLkgVCg", "5ZUqxCmDDgN4xTRbaSjN8LwgZironmB8"),
    ("XOgHwwR3Upfp5sZYk6ZKzvV25a4RBVu8", "7B7SHsmchAR0dFcDCuSFjJAo7tX87krQ"),
    ("v7noePfnNpK8ghYXEqZ9NukMXW7YeNsm", "w0WZEvgJF0zf_P4yyTzjjv9oW1z61HHP"),
    ("BT7QyW5iXaX_1PSX-msSGYsqRdMKqkj-", "8_liLu1aycC0tPQPFmUaGXJLDs5SbPZ5"),
    ("k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct", "k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct"),
)
