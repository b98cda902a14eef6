module umcg/bench/peers/go

go 1.19
