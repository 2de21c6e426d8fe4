package e2e_test

func playMounter() int { return 2 }
