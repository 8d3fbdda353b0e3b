/* SPDX-License-Identifier: MIT */
/* File, root, number of files of the folder: rows of an array. */
{"blocks.phipack",
 "24c58fc99d07545ab68f89770a2875f121e8463b5c8b977278317fd3a42b0e49", 0},
    {"folder.phipack",
     "e8412c6e22d7c3f6d599357eccdc1f9cd28b3a477ac505a9e9f97e25a2bd6b1d", 12},
    {"planes.phipack",
     "4149d890507381047c4b4d6124959c1222a3f7420d617806553d815f5d18637e", 0},
    {"q4_0.phipack",
     "1780058e9da4a9400ba41278bcac6b2b14d4adec34ffc3fd1b4e7a0a69025db6", 12},
