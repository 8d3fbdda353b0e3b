/* SPDX-License-Identifier: MIT */
/* File, root, number of files of the folder: rows of an array. */
{"blocks.phipack",
 "7ed4188c505b2bc844f2b33856e4b1ee374d1b2c70886b1bae51abafcea35456", 0},
    {"folder.phipack",
     "3b4003910f06d4cb71757271b863c13baabe9da47ead8868be51c714e1df189c", 12},
    {"planes.phipack",
     "c2cd282a6d64ce46e097c55aab4b47c0e6c8c1f0a904d90cd346f4bcf6395945", 0},
    {"q4_0.phipack",
     "9807fe8bc13542948f0324262e2f5f989242cb172e63c19f626efb5274f809fe", 12},
